"""RTSP for firewalld-py."""
