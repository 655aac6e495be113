"""The door's side of Kafka: commands and refused requests go out, what they led to comes back."""
