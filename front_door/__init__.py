"""The way into the product: sets a bare machine up, starts the processes, and says what is wrong."""
