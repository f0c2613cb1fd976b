"""Who may vouch for a hash list: signed documents, the trust root, and what follows from them.

TUF (The Update Framework) in miniature, for a laboratory without a network. Bytes in, verified values or an error out;
nothing here reads a file, a clock or a store.
"""
