/** What each shell runs to learn the candidates: `codeset complete -- WORD…`, the last of them the one that grows. */
export const COMPLETION_SCRIPTS = {
  bash: `# codeset: completion for bash. Put \`source <(codeset completion bash)\` into ~/.bashrc.
_codeset() {
  local IFS=$'\\n' words
  # Without breaks at colons and equal signs, which ids and options have.
  if declare -F _get_comp_words_by_ref >/dev/null; then
    local cur cword
    _get_comp_words_by_ref -n ':=' -c cur -i cword -w words
    words=("\${words[@]:1:cword}")
  else
    words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  fi
  COMPREPLY=($("\${COMP_WORDS[0]}" complete -- "\${words[@]}" 2>/dev/null | cut -f1))
  if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "\${words[-1]}"; fi
}
complete -o default -F _codeset codeset
`,
  zsh: `#compdef codeset
# codeset: completion for zsh. Put \`source <(codeset completion zsh)\` into ~/.zshrc, behind compinit.
_codeset() {
  local -a found
  local line
  for line in "\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( \${#found} )); then _describe codeset found; else _files; fi
}
compdef _codeset codeset
`,
  fish: `# codeset: completion for fish. Put \`codeset completion fish | source\` into ~/.config/fish/config.fish.
function __codeset_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] complete -- $words[2..-1] 2>/dev/null
end
complete -c codeset -a '(__codeset_complete)'
`,
} as const;

export type CompletedShell = keyof typeof COMPLETION_SCRIPTS;
