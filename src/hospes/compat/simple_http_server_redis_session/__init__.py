"""simple_http_server_redis_session: sessions in Redis, shared by machines."""
