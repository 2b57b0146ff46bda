// The sign-in page: sends the token, takes the session cookie.

const form = document.getElementById('form');
const field = /** @type {HTMLInputElement} */ (document.getElementById('token'));
const problem = document.getElementById('problem');

form?.addEventListener('submit', async (event) => {
  event.preventDefault();
  const response = await fetch('/api/v1/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-doubleblind-request': '1' },
    body: JSON.stringify({ token: field.value.trim() }),
  });
  if (response.ok) location.replace('/');
  else if (problem !== null) problem.textContent = (await response.json()).message;
});
