"""Whether what a firm would be made of makes sense, piece by piece: the same checks at genesis and of every later proposal."""
