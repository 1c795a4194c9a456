"""Run a case of the published code through our model: the same tokens and pictures in, the same tensors out, by name.

Conventions of the published code (each system's README in the folder): a ``-200`` stands for the picture; rows are
conversations, right-padded; a mark's state is the one that predicts it; GSVA decodes the masks of each conversation by
themselves, the others those of each picture.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch.nn import functional

from eval.parity.cases import IMAGE, Case, System, picture
from model import published
from model.backbones.base import ChatBatch
from model.grounding import Grounding, GroundingModel
from model.policy import Choice
from model.prompting.base import SegPrompts
from model.segmenters.base import Features
from model.similarity import inner_products
from model.tracing import Trace

# For each tensor what may be said of it: one value, or two where the README does not tell which of two passes it is of.
Found = dict[str, list[torch.Tensor]]


@dataclass(frozen=True)
class Group:
    """What SAM decodes in one call: the marks of one picture, or of one conversation on it."""

    image: int
    rows: list[int]


class Replay:
    """Runs the cases of one system.

    Args:
        model: converted, in float32 and evaluation mode.
        system: its folder, for sizes and weights of the losses.
        ours: from the published name of a parameter to ours, or None.
    """

    def __init__(self, model: GroundingModel, system: System, ours: Callable[[str], str | None]) -> None:
        self.model, self.system, self.ours = model, system, ours
        self.backbone = cast(Any, model.backbone)  # token ids and hooks are the family's own
        self.backbone.llava.set_attn_implementation("eager")
        self._marks = self.backbone.mark_ids

    def __call__(self, case: Case) -> Found:
        """All tensors that a case may hold, ours."""
        self.backbone.mark_ids = (
            case.facts.get("seg_token_idx", self._marks[0]),
            case.facts.get("rej_token_idx", self._marks[1]),
        )
        with torch.set_grad_enabled("grad_norms" in case.facts or any(n.startswith("grad.") for n in case.tensors)):
            return self._generated(case) if case.generated else self._forced(case)

    # Teacher-forced cases

    def _forced(self, case: Case) -> Found:
        ids, offset = case.tensors["in.input_ids"], case.tensors["in.offset"].tolist()
        images = [image for image in range(len(offset) - 1) for _ in range(offset[image + 1] - offset[image])]
        output, found = self._read(case, ids, case.tensors["in.labels"], images)
        if self.system.name == "gsva":
            decided = self._decided(ids, output)
            if case.name.endswith("reeval"):  # rejections are made targets and read again; masks come from this pass
                seg, rej = self.backbone.mark_ids
                again, labels = (torch.where(t == rej, seg, t) for t in (ids, case.tensors["in.labels"]))
                output, second = self._read(case, again, labels, images)
                found = {name: [*values, *found[name]] for name, values in second.items()}
            found |= {f"output_ids.{row}": [line] for row, line in enumerate(decided)}
        rows = list(range(len(images)))
        groups = [Group(image, [row for row in rows if images[row] == image]) for image in range(len(offset) - 1)]
        if self.system.name == "gsva":
            groups = [Group(image, [row]) for row, image in enumerate(images)]
        drawn = self._draw(case, output.traces, groups, self._features(case, found), found)
        self._losses(case, output, groups, drawn, found)
        prefixes = ("out.", "reeval.") if case.name.endswith("reeval") else ("out.",)
        named = {f"{prefix}{name}": value for prefix in prefixes for name, value in found.items()}
        return named | {name: value for name, value in found.items() if name.startswith("grad")}

    def _read(self, case: Case, ids: torch.Tensor, labels: torch.Tensor, images: list[int]) -> tuple[Any, Found]:
        """Read all conversations; the language model's own tensors."""
        batch = self._batch(case, ids, labels, ~case.tensors["in.attention_masks"], images)
        with self.backbone.watch(slice(None)) as seen:
            output = self.backbone(batch)
        last = seen[self.backbone.depth]
        patches = self.backbone.see(batch.prepared, batch.sizes)
        found: Found = {
            "projected_image_features": [self.backbone.llava.model.multi_modal_projector(patches)[:, ::4]],
            "last_hidden": [last],
            "logits": [self.backbone.llava.lm_head(last)],
            "lm_loss": [functional.cross_entropy(output.logits.float(), output.targets)],
        }
        if "out.all_hidden" in case.tensors:
            found["all_hidden"] = [self._every_layer(batch)]
        return output, found

    def _every_layer(self, batch: ChatBatch) -> torch.Tensor:
        """``(B, L + 1, T / 8, D)``: every eighth position at all layers."""
        kept, self.backbone.layers = self.backbone.layers, tuple(range(self.backbone.depth + 1))
        with self.backbone.watch(slice(None)) as seen, torch.no_grad():
            self.backbone(batch)
        self.backbone.layers = kept
        return torch.stack([seen[layer][:, ::8] for layer in sorted(seen)], dim=1)

    def _batch(
        self, case: Case, ids: torch.Tensor, labels: torch.Tensor, padding: torch.Tensor, images: list[int]
    ) -> ChatBatch:
        """Conversations as rows, each with its own copy of the picture."""
        count = self.backbone.grid[0] * self.backbone.grid[1]
        lines = [
            _expanded(*row, count, self.backbone.image_id)
            for row in zip(ids, labels, padding.long().neg(), strict=True)
        ]
        expanded, learned, block = (torch.stack(part) for part in zip(*lines, strict=True))
        prepared = torch.stack([self._picture(case, image) for image in range(len(case.sizes))])
        positions = torch.arange(expanded.shape[1])[None].expand(len(images), -1)
        sizes = [case.sizes[image] for image in images]
        return ChatBatch(prepared[images], sizes, expanded, learned, positions, block)

    def _picture(self, case: Case, image: int) -> torch.Tensor:
        """The tower's input: the picture drawn at its size there, not resized."""
        side, tag = self.backbone.options.input_size, int(case.tensors["in.tags"][image])
        left, top, right, bottom = self.backbone.input_frame(case.sizes[image]).window
        drawn = picture(bottom - top, right - left, tag)
        return functional.pad(drawn, (left, side - right, top, side - bottom))

    def _features(self, case: Case, found: Found) -> list[Features]:
        """SAM's features of each picture, drawn at its size there."""
        segmenter, made = self.model.segmenter, []
        for size, tag in zip(case.sizes, case.tensors["in.tags"].tolist(), strict=True):
            _, _, right, bottom = segmenter.frame(size).window
            drawn = picture(bottom, right, tag)
            made.append(functional.pad(drawn, (0, segmenter.input_size - right, 0, segmenter.input_size - bottom)))
        with torch.no_grad():
            features = segmenter.encode(torch.stack(made), case.sizes)
        step = features[0].tensor.shape[-1] // 8
        found |= {f"image_embedding_sub.{n}": [f.tensor[:, ::4, ::step, ::step]] for n, f in enumerate(features)}
        return features

    def _decided(self, ids: torch.Tensor, output: Any) -> list[torch.Tensor]:
        """GSVA's reading of each conversation: a mark stays what it is if the model would write it, else it becomes the
        other one. Placeholders are 0."""
        seg, rej = self.backbone.mark_ids
        chosen = output.logits.argmax(dim=-1)
        is_mark = (output.targets == seg) | (output.targets == rej)
        kept = chosen[is_mark] == output.targets[is_mark]
        swapped = torch.where(output.targets[is_mark] == seg, rej, seg)
        decided = torch.where(kept, output.targets[is_mark], swapped)
        count = self.backbone.grid[0] * self.backbone.grid[1]
        lines = torch.stack([_expanded(row, row, row, count, 0)[0] for row in ids])
        lines[(lines == seg) | (lines == rej)] = decided
        return list(lines)

    def _choose(self, case: Case, marks: torch.Tensor) -> Choice:
        """The layers of all marks; drawn at once, as the published code draws them."""
        if not self.model.config.layer.learned:
            return self.model.policy.choose(marks)
        layer = replace(self.model.config.layer, layer_for="map" if "mode2" in case.name else "map+embedding")
        self.model.config = replace(self.model.config, layer=layer)
        if "out.actions" not in case.tensors:
            return self.model.policy.choose(marks, use="last")
        torch.manual_seed(case.facts.get("torch_seed", 0))
        return self.model.policy.draw(marks)[0]

    def _draw(
        self, case: Case, traces: list[Trace], groups: list[Group], features: list[Features], found: Found
    ) -> list[tuple[torch.Tensor, list[Grounding]]]:
        """From marks to masks: for each group its mask logits and what led to them."""
        kept = [trace.select(~trace.rejected) for trace in traces]
        choice = self._choose(case, torch.cat([trace.marks for trace in kept]))
        places = torch.arange(len(choice.weights)).split([len(trace) for trace in kept])
        grounded = [
            self.model.ground(trace, trace.frame.source, choice.select(place))
            for trace, place in zip(kept, places, strict=True)
        ]
        similarities = torch.cat([_raw(trace, made.choice) for trace, made in zip(kept, grounded, strict=True)])
        found["similarity"] = [similarities]
        found |= {f"similarity.{number}": [row] for number, row in enumerate(similarities)}
        if choice.log_probabilities is not None and choice.layers is not None:
            found |= {
                "actions": [choice.layers],
                "layer_logits": [choice.log_probabilities],
                "log_probs": [choice.log_prob],
            }
        made = []
        for number, group in enumerate(groups):
            mine = [grounded[row] for row in group.rows]
            logits = self._decode(number, features[group.image], mine, found)
            made.append((logits, mine))
        return made

    def _decode(self, number: int, features: Features, grounded: list[Grounding], found: Found) -> torch.Tensor:
        """Masks of one group; everything that SAM was given and gave."""
        segmenter: Any = self.model.segmenter
        prompts = SegPrompts.stacked([made.prompts for made in grounded])
        sparse, dense = segmenter.embed(features.frame, prompts)
        masks = segmenter.decode(features, prompts)
        logits = segmenter.upscale(masks.low, features)[:, 0]
        coarse, size = segmenter.mask_size // 64, features.frame.source
        values = {
            "text_embeds": prompts.embeddings,
            "sparse": sparse,
            "dense_sub": dense[:, ::8, ::4, ::4],
            "mask_prompt": prompts.mask,
            "low_res_sub": masks.low[..., ::coarse, ::coarse],
            "iou_pred": masks.iou,
            "pred_masks": logits,
            "pred_masks_per_row": logits,
            "pred_mask_logits": logits,
        }
        if self.system.name == "uground":
            values["supervision_map"] = published.uground_map(torch.cat([made.maps for made in grounded]), size)
        if prompts.points is not None:
            assert prompts.labels is not None
            values["sam_points"] = scaled = features.frame.points(prompts.points)
            values["sam_point_labels"] = prompts.labels
            before = sum(name.startswith("points_xy") for name in found)
            for mark, xy in enumerate(scaled / scaled.new_tensor(features.frame.scale), start=before):
                found |= {f"points_xy.{mark}": [xy], f"points_shape.{mark}": [torch.tensor(size)]}
                found[f"points_label.{mark}"] = [prompts.labels[mark - before]]
        found |= {f"{name}.{number}": [value] for name, value in values.items() if value is not None}
        return logits

    def _losses(
        self,
        case: Case,
        output: Any,
        groups: list[Group],
        drawn: list[tuple[torch.Tensor, list[Grounding]]],
        found: Found,
    ) -> None:
        """Losses, and the gradients of their sum."""
        if "out.loss" not in case.tensors:
            return
        truth = [list(masks.bool().unbind()) for _, masks in case.numbered("in.masks")]
        images = []
        for group, (logits, grounded) in zip(groups, drawn, strict=True):
            rejected = torch.cat([output.traces[row].rejected for row in group.rows])
            mine = [truth[group.image].pop(0) for _ in rejected]
            target = torch.stack(mine) if mine else torch.zeros(0, *case.sizes[group.image], dtype=torch.bool)
            images.append(published.Drawn(logits, target, ~rejected, torch.cat([made.maps for made in grounded])))
        weights = self.system.config["loss_weights"]
        ce = found["lm_loss"][0]
        parts = published.supervised(self.system.name, ce, images, (weights["ce"], weights["bce"], weights["dice"]))
        if "reward" in parts:
            parts["policy_loss"] = self._policy_loss(case, output.traces, parts["reward"], drawn)
            parts["loss"] = parts["loss"] + self.system.config["lambda_pg"] * parts["policy_loss"]
        found |= {name: [value] for name, value in parts.items()}
        if parts["loss"].requires_grad:
            self._gradients(case, parts["loss"], found)

    def _policy_loss(
        self, case: Case, traces: list[Trace], reward: torch.Tensor, drawn: list[tuple[torch.Tensor, list[Grounding]]]
    ) -> torch.Tensor:
        """One reward for the whole micro-batch; the average begins at 0 in every case."""
        if "out.actions" not in case.tensors:
            return reward.new_zeros(())
        self.model.policy.average.zero_()
        whole = Choice.joined([made.choice for _, grounded in drawn for made in grounded])
        marks = torch.cat([trace.marks[~trace.rejected] for trace in traces])
        return self.model.policy.loss(marks, [whole], reward.expand(1, len(marks)))

    def _gradients(self, case: Case, loss: torch.Tensor, found: Found) -> None:
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        parameters = dict(self.model.named_parameters())
        wanted = [name.removeprefix("grad.") for name in case.tensors if name.startswith("grad.")]
        for name in (*wanted, *case.facts.get("grad_norms", {})):
            parameter = parameters.get(self.ours(name) or "")
            if parameter is not None and parameter.grad is not None:
                found[f"grad.{name}"] = [parameter.grad.clone()]
        self.model.zero_grad(set_to_none=True)

    # Generated cases

    def _generated(self, case: Case) -> Found:
        ids = case.tensors["in.input_ids"][0]
        place = int((ids == IMAGE).nonzero()[0, 0])
        count = self.backbone.grid[0] * self.backbone.grid[1]
        start = torch.cat([ids[:place], torch.full((count,), self.backbone.image_id)])
        prefix = self.backbone.prefill(start, self._picture(case, 0), case.sizes[0])
        (generated,) = self.backbone.complete([prefix], [ids[place + 1 :]], case.facts["max_new_tokens"])
        ended = [self.backbone.eos_id] if generated.stop == "end" else []
        whole = torch.cat([ids, generated.ids, torch.tensor(ended, dtype=torch.int64)])
        found: Found = {"output_ids": [whole[None]]}
        seen = self._final_step(case, whole[None, :-1], found)
        trace = self._with_asked(generated.trace, ids, seen)
        ((logits, _),) = self._draw(case, [trace], [Group(0, [0])], self._features(case, found), found)
        first = logits[0] > 0 if len(logits) else torch.zeros(case.sizes[0], dtype=torch.bool)
        if self.system.name != "lisa":
            found["pred_masks.0"] = [first]  # only the first mask is returned
        found["object_presence"] = [first.any()[None]]
        return {f"out.{name}": value for name, value in found.items()}

    def _final_step(self, case: Case, ids: torch.Tensor, found: Found) -> dict[int, torch.Tensor]:
        """The whole sequence read at once, as the published code does for its last token: no cache. Gives the states
        ``(1, T, D)`` of each candidate layer."""
        none = torch.zeros_like(ids, dtype=torch.bool)
        batch = self._batch(case, ids, torch.full_like(ids, -100), none, [0])
        with self.backbone.watch(slice(None)) as seen:
            self.backbone(batch)
        last = seen[self.backbone.depth]
        found |= {"last_hidden_final_step": [last], "logits_final_step": [self.backbone.llava.lm_head(last)]}
        return dict(seen)

    def _with_asked(self, trace: Trace, ids: torch.Tensor, seen: dict[int, torch.Tensor]) -> Trace:
        """The published code also takes a mark's id in the question for a mark, and reads its state as if it came after
        the picture; the ids of the cases are chosen so that this can happen."""
        asked = (ids == self.backbone.mark_ids[0]).nonzero()[:, 0]
        places = asked[asked > 0] + self.backbone.grid[0] * self.backbone.grid[1] - 2
        states = torch.stack([seen[layer][0, places] for layer in self.backbone.layers], dim=1)
        rejected = torch.zeros(len(places), dtype=torch.bool)
        return replace(trace, marks=torch.cat([states, trace.marks]), rejected=torch.cat([rejected, trace.rejected]))


def _expanded(
    ids: torch.Tensor, labels: torch.Tensor, block: torch.Tensor, count: int, placeholder: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One row with ``count`` placeholders in the place of the picture: nothing is learned there, and all is seen."""
    place = int((ids == IMAGE).nonzero()[0, 0])
    filled = (placeholder, -100, 0)
    parts = [
        torch.cat([line[:place], torch.full((count,), value), line[place + 1 :]])
        for line, value in zip((ids, labels, block), filled, strict=True)
    ]
    return parts[0], parts[1], parts[2]


def _raw(trace: Trace, choice: Choice) -> torch.Tensor:
    """``(S, N)`` inner products at the layers chosen."""
    assert choice.layers is not None
    return inner_products(trace.marks[torch.arange(len(trace)), choice.layers], trace.image[choice.layers])
