"""Files in, digests out: the border behind which a portable and a native engine are interchangeable."""
