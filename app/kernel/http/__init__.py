"""The edge: guards, CSRF, headers, and the one place where a problem becomes an answer."""
