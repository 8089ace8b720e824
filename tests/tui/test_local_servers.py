import asyncio
import json

from tui.local_servers import LocalServer, find_servers

MODELS = json.dumps({"data": [{"id": "llama3.2"}, {"id": "qwen3"}]}).encode()


async def serve(answer: bytes) -> tuple[asyncio.Server, int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        if not answer:  # says nothing until the other side gives up
            await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def test_server_lists_its_models():
    server, port = await serve(b"HTTP/1.0 200 OK\r\n\r\n" + MODELS)
    async with server:
        found = await find_servers({port: ("Ollama", "ollama")}, seconds=30)
    assert found == [LocalServer("Ollama", port, ("ollama/llama3.2", "ollama/qwen3"))]


async def test_silent_dead_and_foreign_ports_are_no_servers():
    silent, silent_port = await serve(b"")
    foreign, foreign_port = await serve(b"HTTP/1.0 200 OK\r\n\r\n<html>hello</html>")
    names = ("vLLM", "hosted_vllm")
    async with silent, foreign:
        ports = {silent_port: names, foreign_port: names, 9: names}
        assert await find_servers(ports, seconds=0.05) == []
