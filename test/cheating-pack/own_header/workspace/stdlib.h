#error the workspace's own stdlib.h was taken
