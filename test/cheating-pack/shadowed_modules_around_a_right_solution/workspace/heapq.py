raise RuntimeError('the wrong heapq')
