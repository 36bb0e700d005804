raise RuntimeError('the wrong os')
