"""Replica counts follow load, both ways."""

import threading

from tests.serve.project import Server


def test_replicas_follow_the_load_up_and_down(server: Server) -> None:
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            server.predict("slow", {"instances": [0.05]})

    clients = [threading.Thread(target=ask) for _ in range(8)]
    for client in clients:
        client.start()
    try:
        server.wait_for(lambda: len(server.replicas("slow")) >= 2, what="a second replica")
    finally:
        over.set()
        for client in clients:
            client.join()
    server.wait_for(lambda: len(server.replicas("slow")) == 1, 180, "one replica again")
