// The window of an open request: which site, which phone, what to do.

import { $, connect, element, host, text, time, translate, words } from './link.js';

translate();
let view = null, last = '';
const send = connect(next => { view = next; draw(); });

const titles = {
  choose: 'reqChoose', waking: 'reqWaking', checking: 'reqChecking', waiting: 'reqLook', failed: 'reqFailed', over: 'reqOver',
};

function draw() {
  const request = view.request;
  if (!request) return; // answered: the worker closes the window, or shows the next request in it
  document.querySelector('main').hidden = false;
  const phone = view.phones.find(p => p.id === request.phone)?.name ?? text('aPhone');
  const over = request.step === 'over', failed = request.step === 'failed';
  const asking = ['checking', 'waiting'].includes(request.step);
  const said = words(request.problem);
  $('what').textContent = text(request.kind === 'create' ? 'reqCreate' : 'reqGet');
  $('site').textContent = host(request.site);
  $('account').hidden = !request.account;
  $('account').textContent = request.account ? text('reqAccount', request.account) : '';
  $('beat').hidden = over || failed || request.step === 'choose';
  $('beat').dataset.step = request.step;
  write('title', over && request.paused ? text('reqOther') : over && request.kind === 'create' ? text('reqOverCreate') : asking && request.digits ? text('reqLook') : text(titles[request.step]));
  $('digits').hidden = !(asking && request.digits);
  $('digits').textContent = request.digits ?? '';
  $('digits').setAttribute('aria-label', (request.digits ?? '').split('').join(' '));
  write('text', said ? `${said.message} ${said.next ?? ''}` : request.silent ? text('reqSilent', phone) :
    asking && request.digits ? text('reqDigits', phone) : request.step === 'choose' ? text('reqChooseText') :
    request.step === 'waking' ? text('reqWakingText', phone) : text('reqCheckingText', phone));
  drawChoices(request, failed);
  left();
  $('more').hidden = !(request.paused && over) && !view.waiting;
  $('more').textContent = request.paused && over ? text('pausedUntil', time(view.proxy.until ?? Date.now())) : text('waiting', view.waiting);
  $('retry').hidden = !failed;
  $('resume').hidden = !(over && request.paused && view.proxy.state === 'paused');
  $('cancel').hidden = over;
  $('close').hidden = !over;
  $('another').hidden = over || !view.policy.fallback;
  if (over && last !== 'over') $('close').focus();
  if (failed && last !== 'failed') $('retry').focus();
  last = request.step;
}

// The phone counts down to the same moment.
function left() {
  const request = view?.request;
  const seconds = request ? Math.round((new Date(request.deadline) - Date.now()) / 1000) : 0;
  $('left').hidden = !request || request.step === 'over' || seconds <= 0 || seconds > 60;
  $('left').textContent = text('reqLeft', seconds);
}
setInterval(left, 1000);

// Live regions speak when they change, so they change only when what they say does.
function write(id, said) {
  if ($(id).textContent !== said) $(id).textContent = said;
}

function drawChoices(request, failed) {
  const others = view.phones.filter(p => !p.notice && (request.step === 'choose' || failed && p.id !== request.phone));
  $('choices').hidden = others.length === 0;
  const json = JSON.stringify(others);
  if ($('choices').dataset.of === json) return;
  $('choices').dataset.of = json;
  $('choices').replaceChildren(...others.map(p => {
    const there = p.presence !== 'gone';
    const button = element('button', {}, element('strong', { textContent: p.name }),
      element('span', { textContent: text(there ? 'phonePresent' : 'phoneGoneOpen') }));
    button.addEventListener('click', () => send('choose', { request: request.id, phone: p.id }));
    return element('li', { className: there ? 'on' : 'off' }, button);
  }));
}

const on = (id, command) => $(id).addEventListener('click', () => view?.request && send(command, { request: view.request.id }));
on('retry', 'retry');
on('another', 'another');
on('cancel', 'cancel');
on('close', 'closed');
on('resume', 'resume');
addEventListener('keydown', event => {
  if (event.key === 'Escape' && view?.request) send(view.request.step === 'over' ? 'closed' : 'cancel', { request: view.request.id });
});
