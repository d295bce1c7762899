"""Keys: sealing and opening, the store of private halves, the process that holds them.

`hpke`, `transit`, `keyring` are in every application; `sealing` in workers; `store`, `service`, `server` in the vault.
Nothing else imports `cryptography`.
"""
