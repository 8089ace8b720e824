"""`local/FOLDER_OR_HUB_ID`: any transformers causal language model, run by this program itself."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from routing.conversation import Delta, Reply, Usage
from routing.errors import ContextError, NoModelError, ReplyError, ServiceError

if TYPE_CHECKING:
    from routing.decide import Decision
    from routing.models import Sampling

MAX_NEW_TOKENS = 2048
KEPT_MODELS = 2  # a strong and a weak one
NEXT_QUESTION = "\nUser:"  # where a model without a chat template starts the user's next turn
DETAIL_CHARACTERS = 600

_loading = threading.Lock()
_Part = TypeVar("_Part")

Message = Mapping[str, str]


async def stream(
    name: str, messages: Sequence[Message], decision: Decision | None, sampling: Sampling
) -> AsyncGenerator[Delta | Reply]:
    """The reply of the weights in that folder, or of that hub id, in pieces and then whole.

    They are loaded on the first call, and kept. Closing the generator ends the work at the next
    token.

    Raises:
        NoModelError: there is no such model, or a part of it is missing.
        ContextError: the messages are longer than it can read.
        ServiceError: it ran out of memory, or failed.
    """
    del decision  # only the demo's models talk about it
    run = _Run(name, messages, sampling, asyncio.get_running_loop())
    threading.Thread(target=run.work, name=f"local/{name}", daemon=True).start()
    try:
        while True:
            piece = await run.pieces.get()
            if isinstance(piece, ReplyError):
                raise piece
            yield piece
            if isinstance(piece, Reply):
                return
    finally:
        run.stopped.set()


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """Weights with their tokenizer. `context_tokens` is None where the model names no limit."""

    name: str
    weights: Any
    tokenizer: Any
    context_tokens: int | None

    @property
    def has_template(self) -> bool:
        """Whether the model was taught a chat format."""
        return bool(self.tokenizer.chat_template)

    def encode(self, messages: Sequence[Message]) -> Any:  # noqa: ANN401  # torch is not imported
        """The messages as the model reads them, shape (1, tokens)."""
        if self.has_template:
            return self._by_template(messages)
        encoded = self.tokenizer(transcript(messages), return_tensors="pt")
        return encoded["input_ids"]

    def _by_template(self, messages: Sequence[Message]) -> Any:  # noqa: ANN401
        from jinja2 import TemplateError

        encode = functools.partial(
            self.tokenizer.apply_chat_template,
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
        )
        try:
            return encode([*messages])["input_ids"]
        except TemplateError:  # some templates know no system message
            return encode(_without_system(messages))["input_ids"]


def transcript(messages: Sequence[Message]) -> str:
    """The conversation as plain text, for a model that was taught no chat format."""
    titles = {"user": "User: ", "assistant": "Assistant: ", "system": ""}
    lines = [f"{titles[message['role']]}{message['content']}" for message in messages]
    return "\n".join([*lines, "Assistant:"])


def load(name: str) -> LanguageModel:
    """The model of that folder or hub id, in bf16 on a GPU, in float32 on the CPU.

    Raises:
        NoModelError: there is no such model, or a part of it is missing.
        ServiceError: there is not enough memory for it.
    """
    with _loading:
        return _load(name)


@functools.lru_cache(maxsize=KEPT_MODELS)
def _load(name: str) -> LanguageModel:
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    place = _place(name)
    on_gpu = torch.cuda.is_available()
    dtype = torch.bfloat16 if on_gpu else torch.float32
    config = _part(
        name, "has no config.json", lambda: transformers.AutoConfig.from_pretrained(place)
    )
    tokenizer = _part(
        name, "has no tokenizer", lambda: transformers.AutoTokenizer.from_pretrained(place)
    )
    weights = _part(
        name,
        "has no weights of a causal language model",
        lambda: transformers.AutoModelForCausalLM.from_pretrained(place, dtype=dtype).to(
            "cuda" if on_gpu else "cpu"
        ),
    )
    text = config.get_text_config()
    limit = getattr(text, "max_position_embeddings", None)
    return LanguageModel(name, weights.eval(), tokenizer, limit)


def _place(name: str) -> str:
    """The folder or the hub id.

    Raises:
        NoModelError: it is written as a folder, and there is none.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return str(folder)
    if name.startswith(("/", ".", "~")) or name.count("/") != 1:
        raise NoModelError(
            f"local/{name}: there is no folder {folder}",
            hint="Give the folder that holds config.json, or a hub id such as owner/model.",
        )
    return name


def _part(name: str, trouble: str, load_part: Callable[[], _Part]) -> _Part:
    try:
        return load_part()
    except (ImportError, KeyError, OSError, RuntimeError, ValueError, MemoryError) as error:
        if _is_memory(error):
            raise _no_memory(name, error) from error
        raise NoModelError(
            f"local/{name} cannot be loaded: it {trouble} that can be read here",
            hint="Check the folder or the hub id; a hub id needs the network once.",
            detail=str(error)[:DETAIL_CHARACTERS],
        ) from error


class _Run:
    """One reply in the making, in a thread of its own.

    Attributes:
        pieces: what the thread hands over: deltas, then a reply or an error.
        stopped: set by the reader who has had enough.
    """

    def __init__(
        self,
        name: str,
        messages: Sequence[Message],
        sampling: Sampling,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.name = name
        self.messages = messages
        self.sampling = sampling
        self.loop = loop
        self.pieces: asyncio.Queue[Delta | Reply | ReplyError] = asyncio.Queue()
        self.stopped = threading.Event()

    def work(self) -> None:
        """Load, read, write; every failure becomes one of ours."""
        try:
            self._hand(self._reply())
        except ReplyError as error:
            self._hand(error)
        except Exception as error:  # noqa: BLE001  # a thread has nobody else to tell
            self._hand(_failure(self.name, error))

    def _reply(self) -> Reply:
        model = load(self.name)
        prompt = model.encode(self.messages).to(model.weights.device)
        room = min(_room(model, prompt.shape[1]), self.sampling.max_tokens or MAX_NEW_TOKENS)
        writer = _Writer(model, self)
        model.weights.generate(
            prompt,
            attention_mask=prompt.new_ones(prompt.shape),
            max_new_tokens=room,
            pad_token_id=model.tokenizer.pad_token_id or model.tokenizer.eos_token_id or 0,
            streamer=writer,
            stopping_criteria=[writer.is_done],
            **_chances(self.sampling),
        )
        usage = Usage(prompt.shape[1], len(writer.tokens))
        whole = len(writer.tokens) < room or writer.has_asked
        return Reply(writer.text, usage, "stop" if whole else "length")

    def hand_text(self, text: str) -> None:
        """Give the reader the next piece."""
        self._hand(Delta(text))

    def _hand(self, piece: Delta | Reply | ReplyError) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.pieces.put_nowait, piece)


class _Writer:
    """Turns tokens into text as they come: what transformers calls a streamer.

    A token may be a part of a character, so text is handed on only where it is whole, and without
    a chat template only as far as it is sure not to be the next question.
    """

    def __init__(self, model: LanguageModel, run: _Run) -> None:
        self.model = model
        self.run = run
        self.tokens: list[int] = []
        self.text = ""
        self.has_asked = False
        self._written = 0  # tokens whose text was handed on
        self._before = 0  # where decoding starts: a token's text depends on the one before it
        self._held = ""
        self._in_prompt = True

    def put(self, tokens: Any) -> None:  # noqa: ANN401  # torch is not imported
        """Take the prompt on the first call, then one token a call."""
        if self._in_prompt:
            self._in_prompt = False
            return
        self.tokens += tokens.flatten().tolist()
        before = self._decode(self.tokens[self._before : self._written])
        after = self._decode(self.tokens[self._before :])
        if len(after) > len(before) and not after.endswith("\N{REPLACEMENT CHARACTER}"):
            self._before, self._written = self._written, len(self.tokens)
            self._write(after[len(before) :])

    def end(self) -> None:
        """Hand on what was held back."""
        before = self._decode(self.tokens[self._before : self._written])
        self._write(self._decode(self.tokens[self._before :])[len(before) :])
        if not self.has_asked:
            self._hand(self._held)

    def is_done(self, tokens: Any, scores: Any, **_: object) -> Any:  # noqa: ANN401  # a torch hook
        """Whether to stop here, for each row."""
        del scores
        stop = self.run.stopped.is_set() or self.has_asked
        return tokens.new_full((tokens.shape[0],), stop).bool()

    def _decode(self, tokens: list[int]) -> str:
        text: str = self.model.tokenizer.decode(tokens, skip_special_tokens=True)
        return text

    def _write(self, text: str) -> None:
        self._held += text
        if not self.text:
            self._held = self._held.lstrip()
        if self.model.has_template:
            sure = len(self._held)
        elif NEXT_QUESTION in self._held:
            self.has_asked = True
            sure = self._held.index(NEXT_QUESTION)
        else:
            sure = len(self._held) - _overlap(self._held, NEXT_QUESTION)
        self._hand(self._held[:sure])
        self._held = self._held[sure:]

    def _hand(self, text: str) -> None:
        if text:
            self.text += text
            self.run.hand_text(text)


def _overlap(text: str, mark: str) -> int:
    """How many characters at the text's end may be the beginning of the mark."""
    return next(n for n in range(len(mark) - 1, -1, -1) if text.endswith(mark[:n]))


def _chances(sampling: Sampling) -> dict[str, Any]:
    """What transformers is told of how to choose tokens; nothing leaves it to the model's own."""
    if sampling.temperature == 0:
        return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    named = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    given = {name: value for name, value in named.items() if value is not None}
    return given | {"do_sample": True} if given else {}


def _room(model: LanguageModel, prompt_tokens: int) -> int:
    """How many tokens the reply may have.

    Raises:
        ContextError: none.
    """
    if model.context_tokens is None:
        return MAX_NEW_TOKENS
    over = prompt_tokens + 1 - model.context_tokens
    if over > 0:
        raise ContextError(
            f"The conversation is {prompt_tokens:,} tokens long and local/{model.name} reads "
            f"{model.context_tokens:,}: {over:,} too many with room for a reply",
            hint="Drop the oldest turns, or choose a model that reads more.",
        )
    return min(MAX_NEW_TOKENS, model.context_tokens - prompt_tokens)


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """The messages with the system's at the head of the first of the user's."""
    system = "\n\n".join(m["content"] for m in messages if m["role"] == "system")
    rest: list[Message] = [m for m in messages if m["role"] != "system"]
    if not system or not rest:
        return rest
    return [{**rest[0], "content": f"{system}\n\n{rest[0]['content']}"}, *rest[1:]]


def _failure(name: str, error: Exception) -> ReplyError:
    if _is_memory(error):
        return _no_memory(name, error)
    return ServiceError(
        f"local/{name} failed while it wrote",
        hint="Ask again, or choose another model.",
        detail=f"{type(error).__name__}: {error}"[:DETAIL_CHARACTERS],
    )


def _is_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text


def _no_memory(name: str, error: BaseException) -> ServiceError:
    return ServiceError(
        f"There is not enough memory here for local/{name}",
        hint="Close other programs, shorten the conversation, or choose a smaller model.",
        detail=str(error)[:DETAIL_CHARACTERS],
    )
