"""Networks of the autoencoder: encoder, code, decoder, read-out, and the whole of them."""
