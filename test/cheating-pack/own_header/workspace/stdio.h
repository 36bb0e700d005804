#error the workspace's own stdio.h was taken
