"""What the pages for people say is true of the tree: links, names, commands, snippets and settings."""
