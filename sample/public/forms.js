/** Shows a form's problem at its field if that is known; without a message, it clears the problem. */
export function showProblem(form, message = '', field) {
  form.querySelector('.problem').textContent = message;
  for (const input of form.querySelectorAll('input')) {
    input.setAttribute('aria-invalid', String(input.name === field));
    if (input.name === field) input.focus();
  }
}

/**
 * Sends a form while its buttons are off, and shows what went wrong.
 *
 * @param send sends the form, and resolves to `{ status, body }`
 * @param words the texts for a status, as `{ message, field }`; otherwise the server's words are shown
 * @returns the body, or undefined if it failed
 */
export async function submit(form, send, words = {}) {
  const buttons = form.querySelectorAll('button');
  for (const button of buttons) button.disabled = true;
  showProblem(form);
  try {
    const { status, body } = await send();
    if (status < 300) return body;
    const { message, field } = words[status] ?? body ?? {};
    showProblem(form, message ?? `The server answered ${status}.`, field);
  } catch {
    showProblem(form, 'The server can’t be reached. Is it still running?');
  } finally {
    for (const button of buttons) button.disabled = false;
  }
  return undefined;
}
