import os

os.makedirs("/app/locked/inner", exist_ok=True)
with open("/app/locked/inner/file", "w") as file:
    file.write("x")
os.mkfifo("/app/locked/pipe")
os.chmod("/app/locked/inner/file", 0)
os.chmod("/app/locked/inner", 0)
os.chmod("/app/locked", 0)


def shortest_path(graph, source, target):
    return None
