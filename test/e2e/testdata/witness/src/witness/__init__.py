"""A project whose runs leave traces, and go on when a test lets them."""
