"""Conversations that the released models were trained in, by the names that LLaVA gives them.

Each is a Jinja template as tokenizers carry them. ``<picture>`` stands for the image's placeholder with what surrounds
it. What lies between generation marks is learned: the answer and the end token after it.
"""

from model.tokens import IMAGE

CURIOUS = (
    "A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the human's questions."
)
HELPFUL = (
    "You are a helpful language and vision assistant. You are able to understand the visual content that the user "
    "provides, and assist the user with a variety of tasks using natural language."
)
_PARTS = (
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<picture>{{ '\\n' }}{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}"
)
_ANSWER = "{% for part in message['content'] %}{{ ' ' + part['text'] }}{% endfor %}"
TEMPLATES = {
    "llava_v1": (
        "{{ bos_token }}" + CURIOUS + "{{ ' ' }}"
        "{% for message in messages %}"
        "{% if message['role'] == 'user' %}{{ 'USER: ' }}" + _PARTS + "{{ ' ' }}"
        "{% else %}ASSISTANT:{% generation %}" + _ANSWER + "{{ eos_token }}{% endgeneration %}{% endif %}"
        "{% endfor %}"
        "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
    ),
    "llava_llama_2": (
        "{% for message in messages %}"
        "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' }}"
        "{% if loop.first %}{{ '<<SYS>>\\n" + HELPFUL + "\\n<</SYS>>\\n\\n' }}{% endif %}" + _PARTS + "{{ ' [/INST]' }}"
        "{% else %}{% generation %}" + _ANSWER + "{{ ' ' + eos_token }}{% endgeneration %}{% endif %}"
        "{% endfor %}"
    ),
}


def template(name: str, surrounded: bool) -> str:
    """A template by name; with ``surrounded`` the image stands between ``<im_start>`` and ``<im_end>``."""
    return TEMPLATES[name].replace("<picture>", f"<im_start>{IMAGE}<im_end>" if surrounded else IMAGE)
