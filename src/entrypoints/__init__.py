"""Where processes begin: settings, the composition root, the command line, and the sandbox."""
