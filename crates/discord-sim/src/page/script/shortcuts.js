// Short ways to the composer by keyboard: "/" anywhere, as in Discord, and a link before everything else.

// `enter` moves the focus into the composer, and returns whether a command can begin there.
export function startShortcuts(skip, enter) {
  skip.addEventListener("click", (event) => {
    event.preventDefault();
    enter();
  });
  document.addEventListener("keydown", (event) => {
    const isModified = event.ctrlKey || event.metaKey || event.altKey || event.isComposing;
    if (event.key !== "/" || isModified || isWriting(event.target)) return;
    // The browser then inserts the key where the focus is.
    if (!enter()) event.preventDefault();
  });
}

function isWriting(element) {
  return element.closest("input:not([type=radio]), textarea, select, dialog") !== null;
}
