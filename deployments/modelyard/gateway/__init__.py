"""The gateway: the application that serves everything that belongs to no model, and requests that no replica got."""
