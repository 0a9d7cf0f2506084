"""Small worlds, gone through whole: every interleaving of one order's life, every pair of acts at every statement."""
