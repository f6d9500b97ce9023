"""The telephone in the browser, in a real Chromium against the real Asterisk."""
