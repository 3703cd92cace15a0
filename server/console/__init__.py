"""The guards' console: server-rendered pages, one live stream per browser (DESIGN 20)."""
