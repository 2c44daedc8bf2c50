/* judge FILE TEXT: whether TEXT is in FILE, for whoever reads the status or, where there is a folder for it, a report. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  char text[4096] = {0}, path[4096];
  FILE *file = argc == 3 ? fopen(argv[1], "r") : NULL;
  if (file == NULL || fread(text, 1, sizeof text - 1, file) == 0) return 2;
  int good = strstr(text, argv[2]) != NULL;
  printf("looked into %s as %d\n", argv[1], (int)getuid());
  const char *folder = getenv("CODESET_REPORT_DIR");
  if (folder != NULL) {
    snprintf(path, sizeof path, "%s/report.xml", folder);
    FILE *report = fopen(path, "w");
    if (report == NULL) return 3;
    fprintf(report, "<testsuite name=\"t\"><testcase classname=\"t\" name=\"adds\">%s</testcase></testsuite>",
            good ? "" : "<failure message=\"no\"/>");
    fclose(report);
  }
  return good ? 0 : 1;
}
