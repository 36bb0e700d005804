import builtins
import sys

sys.exit(0)
