def shortest_path(graph, source, target):
    return None
