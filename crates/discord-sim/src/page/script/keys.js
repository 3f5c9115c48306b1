// Keyboard handling of the composer.

// Handles a key. Other keys are left to the browser.
export function handleKey(event, composer) {
  const box = event.target;
  if (event.isComposing || (box !== composer.text && !composer.pillOf(box))) return;
  if (isHandled(event, composer, box)) event.preventDefault();
}

function isHandled(event, composer, box) {
  switch (event.key) {
    case "ArrowDown":
      return move(composer, box, 1);
    case "ArrowUp":
      return move(composer, box, -1);
    case "Enter":
      return choose(composer, box);
    case "Tab":
      return !event.shiftKey && choose(composer, box);
    case "Escape":
      return leave(composer);
    case "Backspace":
      return box.value === "" && stepBack(composer, box);
    case "ArrowLeft":
      return isAt(box, 0) && goTo(composer, box, -1);
    case "ArrowRight":
      return isAt(box, box.value.length) && goTo(composer, box, 1);
    default:
      return false;
  }
}

function move(composer, box, step) {
  if (!composer.suggestions.isOpen) composer.suggest(box);
  composer.suggestions.list.move(step);
  return composer.suggestions.isOpen;
}

// Selects the active entry of the popup, unless the input already contains it: then Enter sends and Tab moves on.
function choose(composer, box) {
  const entry = composer.suggestions.list.current;
  if (!entry || composer.pillOf(box)?.holds(entry)) return false;
  composer.pick(entry);
  return true;
}

// Closes the innermost open element.
function leave(composer) {
  if (composer.suggestions.isOpen) composer.suggestions.hide();
  else if (composer.draft) composer.drop();
  else if (composer.target) composer.replyTo(null);
  else return false;
  return true;
}

// Backspace in an empty input removes an optional option, or the command when nothing is left.
function stepBack(composer, box) {
  const { draft } = composer;
  const pill = composer.pillOf(box);
  if (!draft) return false;
  if (!pill && draft.pills.length > 0) composer.go(draft.pills.at(-1));
  else if (pill && !pill.option.required) composer.remove(pill);
  else if (!pill || pill === draft.pills[0]) composer.drop(`/${draft.entry.name}`);
  else goTo(composer, box, -1);
  return true;
}

function isAt(box, place) {
  return box.selectionStart === place && box.selectionEnd === place;
}

// Moves the focus to the previous or next input.
function goTo(composer, box, step) {
  const pills = composer.draft?.pills ?? [];
  const boxes = [...pills.map((pill) => pill.box), composer.text];
  const next = boxes[boxes.indexOf(box) + step];
  if (!next) return false;
  next.focus();
  const place = step > 0 ? 0 : next.value.length;
  next.setSelectionRange(place, place);
  return true;
}
