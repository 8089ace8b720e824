"""Language models of some thousand weights, made on the spot: what a training starts from."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import (
    BertConfig,
    BertForMaskedLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

WORDS = [
    "hello",
    "please",
    "prove",
    "it",
    "1",
    "2",
    "3",
    "4",
    "5",
    *(f"word{n}" for n in range(60)),
]
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
VOCABULARY = {word: place for place, word in enumerate([*MARKS, *WORDS])}


def tokenizer() -> PreTrainedTokenizerFast:
    """Words between spaces; BERT's marks around them."""
    words = Tokenizer(WordLevel(VOCABULARY, unk_token="[UNK]"))
    words.pre_tokenizer = WhitespaceSplit()
    words.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )


def tiny_encoder(folder: Path) -> Path:
    """A BERT that knows 69 words, not trained at all."""
    torch.manual_seed(0)
    sizes = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    return _saved(BertForMaskedLM(sizes), folder)


def tiny_causal(folder: Path) -> Path:
    """A Llama that knows 69 words, not trained at all."""
    torch.manual_seed(0)
    sizes = LlamaConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        intermediate_size=32,
        max_position_embeddings=128,
        bos_token_id=2,
        eos_token_id=3,
    )
    return _saved(LlamaForCausalLM(sizes), folder)


def _saved(model: BertForMaskedLM | LlamaForCausalLM, folder: Path) -> Path:
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
