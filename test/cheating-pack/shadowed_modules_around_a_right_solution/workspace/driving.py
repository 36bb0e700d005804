raise RuntimeError('the wrong driving')
