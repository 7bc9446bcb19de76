/**
 * A stand-in for a recorded voice note: two soft seconds of sound, made here. The local chat asks for
 * no microphone.
 */

const RATE = 8000;
const SECONDS = 2;
const HEADER = 44;

function ascii(view, offset, text) {
  [...text].forEach((letter, index) => view.setUint8(offset + index, letter.charCodeAt(0)));
}

/**
 * Make the voice note.
 *
 * @returns {File} mono 16-bit PCM at 8 kHz in a WAV container, which every browser plays
 */
export function voiceNote() {
  const samples = RATE * SECONDS;
  const view = new DataView(new ArrayBuffer(HEADER + samples * 2));
  ascii(view, 0, "RIFF");
  view.setUint32(4, HEADER - 8 + samples * 2, true);
  ascii(view, 8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true);
  view.setUint32(28, RATE * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  ascii(view, 36, "data");
  view.setUint32(40, samples * 2, true);
  for (let index = 0; index < samples; index += 1) {
    const time = index / RATE;
    const swell = Math.sin((Math.PI * index) / samples) ** 2;
    const tone = Math.sin(2 * Math.PI * (330 + 60 * Math.sin(5 * time)) * time);
    view.setInt16(HEADER + index * 2, Math.round(9000 * swell * tone), true);
  }
  return new File([view.buffer], "voice.wav", { type: "audio/wav" });
}
