// Buttons and links with data-open="<id>" open that dialog; browsers that know command and commandfor do it themselves.

/** Open a dialog by its id; true when there is one. */
export function open(id) {
  const dialog = document.getElementById(id);
  if (!(dialog instanceof HTMLDialogElement)) return false;
  if (!dialog.open) dialog.showModal();
  return true;
}

export function dialogs(page) {
  page.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener && open(opener.dataset.open)) event.preventDefault();
    // A click on the backdrop lands on the dialog itself.
    if (event.target instanceof HTMLDialogElement && event.target.open) event.target.close();
  });
}
