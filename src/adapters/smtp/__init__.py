"""Mail, over SMTP. Knows no other adapter."""
