// The page in the toolbar and in a tab: connecting, pairing, the phones, the switch, and the diagnosis.

import { $, connect, element, host, note, text, time, translate, words } from './link.js';

const popup = location.search === '?popup';
document.body.classList.toggle('popup', popup);
translate();

let view = null, drawn = {};
const send = connect(next => { view = next; draw(); });

// Runs a command of a button, and says what went wrong.
async function run(button, command, data) {
  button.disabled = true;
  note($('problem'), null);
  const problem = await send(command, data);
  button.disabled = false;
  if (problem && !(command === 'enrol' || command === 'pair')) note($('problem'), problem);
  if (problem?.field) $({ server: 'server', integration: 'integration', name: 'name' }[problem.field])?.focus();
  return problem;
}

const on = (id, command, data) => $(id).addEventListener('click', event => run(event.currentTarget, command, data?.()));

function draw() {
  $('loading').hidden = true;
  $('version').textContent = text('version', view.version);
  $('setup').hidden = !view.setup;
  $('pairing').hidden = !view.pairing;
  $('ready').hidden = Boolean(view.setup || view.pairing);
  $('leaving').hidden = !view.leaving;
  $('leaving').firstChild.textContent = text('leaving', (view.leaving ?? []).map(host).join(', '));
  $('where').textContent = view.browser ? view.browser.application_name || view.browser.server : '';
  if (view.setup) drawSetup(view.setup);
  if (view.pairing) drawPairing(view.pairing);
  if (!view.setup) drawReady();
}

// ---- connecting ----

function drawSetup(setup) {
  note($('problem'), setup.problem);
  $('server').readOnly = view.policy.server;
  $('server-set').hidden = !view.policy.server;
  $('more').hidden = view.policy.server;
  if (view.policy.server || !$('server').value) $('server').value = setup.server;
  if (view.policy.server || !$('integration').value) $('integration').value = setup.integration;
  if (setup.problem?.field === 'integration') $('more').open = true;
  $('enrol').querySelector('button').disabled = setup.busy;
  document.body.setAttribute('aria-busy', setup.busy);
}

$('enrol').addEventListener('submit', event => {
  event.preventDefault();
  run(event.submitter ?? $('enrol').querySelector('button'), 'enrol',
    { server: $('server').value, integration: $('integration').value, name: $('name').value });
});

// ---- pairing ----

const steps = {
  opening: { title: 'pairTitle', text: 'pairOpening', buttons: ['stop'] },
  waiting: { title: 'pairTitle', text: 'pairScan', buttons: ['stop'] },
  compare: { title: 'pairCompareTitle', text: 'pairCompare', buttons: ['same', 'different'] },
  confirming: { title: 'pairConfirmTitle', text: 'pairConfirm', buttons: ['stop'] },
  done: { title: 'pairDoneTitle', text: 'pairDone', buttons: ['stop'] },
  failed: { title: 'pairFailedTitle', text: '', buttons: ['again', 'stop'] },
};

function drawPairing(pairing) {
  const step = steps[pairing.step], typed = Boolean(pairing.code);
  $('pairing-title').textContent = text(step.title);
  const said = words(pairing.problem);
  $('pairing-text').textContent = said ? `${said.message} ${said.next ?? ''}` :
    text(pairing.step === 'waiting' && typed ? 'pairType' : step.text, pairing.phone ?? '');
  for (const button of $('pairing').querySelectorAll('button')) button.hidden = !step.buttons.includes(button.id);
  $('typed').hidden = pairing.step !== 'waiting' || typed;
  $('scan').hidden = pairing.step !== 'waiting' || !typed;
  $('stop').textContent = text(pairing.step === 'done' ? 'finish' : 'cancel');
  $('code').hidden = !typed;
  $('code').textContent = pairing.code ?? '';
  $('digits').hidden = !pairing.digits;
  $('digits').textContent = pairing.digits ?? '';
  $('digits').setAttribute('aria-label', (pairing.digits ?? '').split('').join(' '));
  drawQR(pairing.qr);
  left();
  if (drawn.step !== pairing.step) {
    drawn.step = pairing.step;
    $('pairing-title').focus();
  }
}

// One path: each run of dark modules is a rectangle.
function drawQR(rows) {
  $('qr').toggleAttribute('hidden', !rows);
  const joined = rows?.join('\n');
  if (!rows || drawn.qr === joined) return;
  drawn.qr = joined;
  let d = '';
  rows.forEach((row, y) => {
    for (const run of row.matchAll(/1+/g)) d += `M${run.index} ${y}h${run[0].length}v1h-${run[0].length}z`;
  });
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', d);
  $('qr').setAttribute('viewBox', `0 0 ${rows.length} ${rows.length}`);
  $('qr').setAttribute('aria-label', text('qrLabel'));
  $('qr').replaceChildren(path);
}

function left() {
  const expires = view?.pairing?.expires;
  const seconds = expires ? Math.max(0, Math.round((new Date(expires) - Date.now()) / 1000)) : 0;
  $('pairing-left').hidden = !seconds;
  $('pairing-left').textContent = text('secondsLeft', seconds);
}
setInterval(left, 1000);

on('same', 'same');
on('different', 'stop');
on('stop', 'stop');
on('again', 'pair');
on('typed', 'pair', () => ({ typed: true }));
on('scan', 'pair');
$('pair').addEventListener('click', async event => {
  // The toolbar's window closes as soon as something else is touched; a pairing wants to stay in sight.
  if (popup) {
    await chrome.tabs.create({ url: chrome.runtime.getURL('page.html#pair') });
    close();
    return;
  }
  run(event.currentTarget, 'pair', {});
});
if (location.hash === '#pair') {
  history.replaceState(null, '', 'page.html');
  send('pair', {});
}

// ---- ready ----

function drawReady() {
  const { link, proxy, phones, browser } = view;
  const reachable = phones.filter(phone => phone.presence !== 'gone' && !phone.notice);
  const state = link.state === 'refused' ? 'stateRefused' : link.state === 'offline' ? 'stateOffline' :
    proxy.state === 'held' ? 'stateHeld' : proxy.state === 'missing' ? 'stateMissing' :
    proxy.state === 'paused' ? 'statePaused' : phones.length === 0 ? 'stateNone' :
    proxy.state !== 'attached' ? 'stateOff' : reachable.length ? 'stateReady' : 'stateAbsent';
  $('state').textContent = text(state, proxy.until ? time(proxy.until) : reachable[0]?.name ?? '');
  $('state').dataset.state = state;
  note($('notice'), link.problem ?? browser.notice);
  $('resume').hidden = proxy.state !== 'paused';
  $('wanted').checked = proxy.wanted;
  $('wanted').disabled = view.policy.attach;
  $('wanted-set').hidden = !view.policy.attach;
  $('none').hidden = phones.length > 0;
  $('pair').classList.toggle('main', phones.length === 0);
  list('phones', phones, phoneItem);
  list('diagnosis', view.diagnosis ?? [], diagnosisItem);
}

// Draws a list anew only when it has changed, so that what is focused stays.
function list(id, items, make) {
  const json = JSON.stringify(items);
  if (drawn[id] === json) return;
  drawn[id] = json;
  $(id).replaceChildren(...items.map(make));
}

function phoneItem(phone) {
  const state = phone.notice ? words(phone.notice).message : phone.incomplete ? text('phoneIncomplete') :
    text({ present: 'phonePresent', away: 'phoneAway', gone: 'phoneGone' }[phone.presence]);
  const kind = phone.notice || phone.incomplete ? 'warn' : phone.presence === 'gone' ? 'off' : 'on';
  const unpair = element('button', { className: 'plain', textContent: text('unpair'), ariaLabel: text('unpairLabel', phone.name) });
  unpair.addEventListener('click', async () => {
    if (await confirmed(text('unpairSure', phone.name), text('unpair'))) run(unpair, 'unpair', { pairing: phone.pairing });
  });
  const item = element('li', { className: kind },
    element('div', {}, element('strong', { textContent: phone.name }), element('span', { className: 'who', textContent: phone.user_principal_name }),
      element('span', { className: 'how', textContent: state })), unpair);
  if (phone.notice?.next) item.firstChild.append(element('span', { className: 'hint', textContent: words(phone.notice).next }));
  if (phone.incomplete && !phone.notice) {
    item.firstChild.append(element('a', {
      href: 'https://mysignins.microsoft.com/security-info', target: '_blank', rel: 'noreferrer', textContent: text('continueEntra'),
    }));
  }
  return item;
}

function diagnosisItem(check) {
  const said = words(check);
  return element('li', { className: check.ok ? 'on' : 'warn' },
    element('div', {}, element('span', { className: 'how', textContent: (check.ok ? '✓ ' : '! ') + said.message }),
      ...(said.next ? [element('span', { className: 'hint', textContent: said.next })] : [])));
}

on('resume', 'resume');
on('diagnose', 'diagnose', () => ({ online: navigator.onLine }));
$('wanted').addEventListener('change', event => run(event.currentTarget, 'attach', { wanted: event.currentTarget.checked }));
$('leave').addEventListener('click', async event => {
  const button = event.currentTarget;
  if (await confirmed(text('leaveSure'), text('leave'))) run(button, 'leave');
});

function confirmed(question, yes) {
  $('confirm-text').textContent = question;
  $('confirm-yes').textContent = yes;
  const dialog = $('confirm');
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise(resolve => dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true }));
}
