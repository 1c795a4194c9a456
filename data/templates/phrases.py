"""Phrases that stand inside a question, whose own wording is held out."""

DIRECTION_WORDS: dict[str, tuple[str, ...]] = {
    "left": ("left of", "to the left of", "on the left of"),
    "right": ("right of", "to the right of", "on the right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
}
"""Each is followed by the anchor. None says less than "above" does: what is higher up may stand far to the side."""

FOLLOW_DIRECTION_WORDS: dict[str, tuple[str, ...]] = {
    "left": ("to the left of", "left of"),
    "right": ("to the right of", "right of"),
    "above": ("above",),
    "below": ("below",),
}

WHERE_WORDS: dict[str, tuple[str, ...]] = {
    "left": ("on the left", "on the left side", "in the left half of the picture"),
    "right": ("on the right", "on the right side", "in the right half of the picture"),
    "top": ("at the top", "in the upper half of the picture", "in the top half of the picture"),
    "bottom": ("at the bottom", "in the lower half of the picture", "in the bottom half of the picture"),
    "middle": ("in the middle", "in the centre of the picture", "in the middle of the picture"),
    "top left": ("in the top left corner", "at the top left", "in the upper left part of the picture"),
    "top right": ("in the top right corner", "at the top right", "in the upper right part of the picture"),
    "bottom left": ("in the bottom left corner", "at the bottom left", "in the lower left part of the picture"),
    "bottom right": ("in the bottom right corner", "at the bottom right", "in the lower right part of the picture"),
}

ORDER_WORDS: dict[str, tuple[str, ...]] = {
    "biggest": ("biggest", "largest"),
    "smallest": ("smallest", "tiniest"),
    "leftmost": ("leftmost", "furthest left"),
    "rightmost": ("rightmost", "furthest right"),
    "topmost": ("highest", "topmost"),
    "lowest": ("lowest", "bottommost"),
}

SIZE_WORDS: dict[str, tuple[str, ...]] = {"small": ("small", "little"), "large": ("large", "big")}

FAMILY_WORDS: dict[str, tuple[str, ...]] = {
    "fruit": ("all the fruit", "every piece of fruit", "all pieces of fruit", "everything that is a fruit"),
    "tool": ("all the tools", "every tool", "everything that is a tool", "each tool"),
    "vehicle": ("all the vehicles", "every vehicle", "everything that is a vehicle", "each vehicle"),
    "animal": ("all the animals", "every animal", "everything that is an animal", "each animal"),
    "furniture": ("all the furniture", "every piece of furniture", "all pieces of furniture"),
    "clothing": ("all the clothing", "every piece of clothing", "all pieces of clothing"),
    "kitchen": ("all the kitchenware", "every piece of kitchenware", "all pieces of kitchenware"),
    "nature": ("all the plants", "every plant", "everything that is a plant", "each plant"),
    "toy": ("all the toys", "every toy", "everything that is a toy", "each toy"),
}
