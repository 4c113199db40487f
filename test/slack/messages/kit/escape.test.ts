import { expect, test } from 'vitest';
import { link, sentence } from '../../../../src/slack/messages/kit/escape.ts';

test.each([
  ['*bold*', '∗bold∗'],
  ['say *two words*!', 'say ∗two words∗!'],
  ['_italic_ and ~gone~', '＿italic＿ and ∼gone∼'],
  [':siren: fire', '꞉siren: fire'],
  ['(:+1:) :100:', '(꞉+1:) ꞉100:'],
  ['`code`', "'code'"],
])('formatting in the text %j from outside has no effect in a sentence', (text, shown) => {
  expect(sentence(text)).toBe(shown);
  expect(sentence(sentence(text))).toBe(shown);
});

test.each(['OCR*', 'a*b*c', 'snake_case_name', '2 * 3', 'arn:aws:lambda:us-east-1:1:function:f', '10:30:00', '~/a'])(
  'the text %j keeps its signs in a sentence',
  (text) => expect(sentence(text)).toBe(text),
);

test('the label of a link has no formatting', () => {
  expect(link('https://x.example/', '*b* :siren:')).toBe('<https://x.example/|∗b∗ ꞉siren:>');
});
