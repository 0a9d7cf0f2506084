"""HTTP: the API of the user's page, and the pages that a customer sees. Litestar; knows no other adapter."""
