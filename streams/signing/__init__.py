"""The enclave: it folds the log itself, judges every order again, and signs only what it could derive on its own."""
