"""Large bodies are decoded in a process of their own."""
