/** What a person does next, for the reasons of errors where a command of this program helps. */
const NEXT_STEPS: Readonly<Record<string, string>> = {
  SAMPLE_NOT_FOUND: '`codeset sample list` shows what there is; `codeset sample add DIR` registers more.',
  SAMPLE_VERSION_NOT_FOUND: '`codeset sample show SAMPLE_ID` shows the latest.',
  SAMPLE_NOT_READY: '`codeset sample add DIR` registers a new version when its folder is mended.',
  SESSION_NOT_FOUND: '`codeset session list` shows those that are open, with --all ended ones, too.',
  SESSION_NOT_READY: '`codeset session watch SESSION` shows how far it is.',
  SESSION_LIMIT: '`codeset session close --label K=V` ends those that are no longer needed.',
  SNAPSHOT_NOT_FOUND: '`codeset session snapshots list` shows what there is.',
  VERIFICATION_NOT_FOUND: '`codeset verification list` shows those that are kept.',
  ENGINE_UNSUPPORTED:
    "`codeset doctor` on the server's machine says what it can do, and what to do about the rest.",
  ENGINE_UNAVAILABLE: "`codeset doctor` on the server's machine says why.",
  KEY_INVALID: "`codeset key show` on the server's machine prints its admin's key.",
};

/** A sentence with the command that helps, or undefined. @param reason of the error, `SESSION_NOT_FOUND` */
export function nextStep(reason: string): string | undefined {
  return NEXT_STEPS[reason];
}
