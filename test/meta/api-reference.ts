// docs/api.md, made from the comments of proto/ as `npm run gen` left them in gen/codeset.binpb.
import { fromBinary } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorSetSchema,
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  type ServiceDescriptorProto,
} from '@bufbuild/protobuf/wkt';

const PACKAGE = 'codeset.v1';

// Numbers of fields within descriptors, of which the paths of comments are made.
const MESSAGES = 4;
const ENUMS = 5;
const SERVICES = 6;
const FIELDS = 2;
const NESTED = 3;
const NESTED_ENUMS = 4;
const METHODS = 2;
const VALUES = 2;
const ONEOFS = 8;

const WORDS: Readonly<Partial<Record<Type, string>>> = {
  [Type.DOUBLE]: 'double',
  [Type.FLOAT]: 'float',
  [Type.INT64]: 'int64',
  [Type.UINT64]: 'uint64',
  [Type.INT32]: 'int32',
  [Type.UINT32]: 'uint32',
  [Type.BOOL]: 'bool',
  [Type.STRING]: 'string',
  [Type.BYTES]: 'bytes',
};

/** The comments of one file by the path of what they stand on. */
class Comments {
  readonly #byPath = new Map<string, string>();

  constructor(file: FileDescriptorProto) {
    for (const { path, leadingComments } of file.sourceCodeInfo?.location ?? [])
      if (leadingComments !== undefined && leadingComments !== '')
        this.#byPath.set(path.join('.'), leadingComments);
  }

  /** As paragraphs of Markdown, each in one line. */
  at(path: readonly number[]): string {
    const text = this.#byPath.get(path.join('.')) ?? '';
    return text
      .split(/\n *\n/)
      .map((paragraph) => paragraph.replaceAll(/\s+/g, ' ').trim())
      .filter((paragraph) => paragraph !== '')
      .map(escaped)
      .join('\n\n');
  }
}

/** The whole reference as Markdown. @param descriptors the bytes of gen/codeset.binpb */
export function apiReference(descriptors: Uint8Array): string {
  const { file: files } = fromBinary(FileDescriptorSetSchema, descriptors);
  const ours = files.filter((file) => file.package === PACKAGE);
  const services = ours.flatMap((file) =>
    file.service.map((service, i) => serviceText(service, new Comments(file), [SERVICES, i])),
  );
  const rest = ours.filter((file) => file.messageType.length + file.enumType.length > 0);
  return [
    '# API reference',
    'Made from the comments of `proto/codeset/v1`, which `grpcurl describe` shows, too. Fields are in the order of their numbers; in JSON their names are in lowerCamelCase, 64-bit integers are strings, bytes are base64. Errors name their reasons, which [errors.md](errors.md) explains.',
    ...services,
    ...rest.flatMap(fileTexts),
    '',
  ].join('\n\n');
}

function serviceText(service: ServiceDescriptorProto, comments: Comments, path: readonly number[]): string {
  const methods = service.method.map((method, i) => {
    const stream = (streaming: boolean, type: string): string =>
      `${streaming ? 'stream of ' : ''}${link(type)}`;
    return [
      `### ${service.name}.${method.name}`,
      `${stream(method.clientStreaming, method.inputType)} → ${stream(method.serverStreaming, method.outputType)}`,
      comments.at([...path, METHODS, i]),
    ];
  });
  return [`## ${service.name}`, comments.at(path), ...methods.flat()]
    .filter((part) => part !== '')
    .join('\n\n');
}

function fileTexts(file: FileDescriptorProto): readonly string[] {
  const comments = new Comments(file);
  const title = `## ${(file.name.split('/').at(-1) ?? '').replace('.proto', '').replaceAll('_', ' ')}`;
  return [
    title.replace(/## (\w)/, (_whole, first: string) => `## Messages: ${first}`),
    ...file.messageType.flatMap((message, i) => messageTexts(message, '', comments, [MESSAGES, i])),
    ...file.enumType.map((each, i) => enumText(each, '', comments, [ENUMS, i])),
  ];
}

function messageTexts(
  message: DescriptorProto,
  within: string,
  comments: Comments,
  path: readonly number[],
): readonly string[] {
  if (message.options?.mapEntry === true) return [];
  const name = `${within}${message.name}`;
  const maps = new Map(
    message.nestedType
      .filter(({ options }) => options?.mapEntry === true)
      .map((entry) => [entry.name, entry]),
  );
  const oneofs = message.oneofDecl.map((oneof, i) => {
    const said = comments.at([...path, ONEOFS, i]);
    const optional = message.field.some((field) => field.proto3Optional && field.oneofIndex === i);
    return optional || said === '' ? '' : `\`${oneof.name}\`, one of several: ${said}`;
  });
  const fields = message.field.map((field, i) => {
    const said = [oneofText(field, message), inLine(comments.at([...path, FIELDS, i]))];
    const text = said.filter((part) => part !== '').join(' ');
    return `- \`${field.name}\` (${typeText(field, maps)}, ${field.number}): ${text}`;
  });
  const table = fields.length === 0 ? 'No fields.' : fields.join('\n');
  const own = [`### ${name}`, comments.at(path), ...oneofs, table].filter((part) => part !== '').join('\n\n');
  return [
    own,
    ...message.nestedType.flatMap((nested, i) =>
      messageTexts(nested, `${name}.`, comments, [...path, NESTED, i]),
    ),
    ...message.enumType.map((each, i) => enumText(each, `${name}.`, comments, [...path, NESTED_ENUMS, i])),
  ];
}

/** Which one-of a field is of; nothing for one that is only `optional`. */
function oneofText(field: FieldDescriptorProto, message: DescriptorProto): string {
  if (field.oneofIndex === undefined || field.proto3Optional) return '';
  // Without one an index reads 0.
  const oneof = message.oneofDecl[field.oneofIndex];
  const isSet = Object.hasOwn(field, 'oneofIndex');
  return oneof === undefined || !isSet ? '' : `_One of \`${oneof.name}\`._`;
}

function typeText(field: FieldDescriptorProto, maps: ReadonlyMap<string, DescriptorProto>): string {
  const entry = maps.get(field.typeName.split('.').at(-1) ?? '');
  if (entry !== undefined) {
    const [key, value] = entry.field;
    return `map of ${key === undefined ? '' : singleType(key)} to ${value === undefined ? '' : singleType(value)}`;
  }
  const type = singleType(field);
  if (field.label === Label.REPEATED) return `repeated ${type}`;
  return field.proto3Optional ? `optional ${type}` : type;
}

const singleType = (field: FieldDescriptorProto): string => WORDS[field.type] ?? link(field.typeName);

function enumText(
  each: EnumDescriptorProto,
  within: string,
  comments: Comments,
  path: readonly number[],
): string {
  const values = each.value.map(
    ({ name, number }, i) => `- \`${name}\` (${number}): ${inLine(comments.at([...path, VALUES, i]))}`,
  );
  return [`### ${within}${each.name}`, comments.at(path), values.join('\n')]
    .filter((part) => part !== '')
    .join('\n\n');
}

const inLine = (text: string): string => text.replaceAll(/\n+/g, ' ');

/** A type's name, as a link where it is one of ours. */
function link(type: string): string {
  const full = type.replace(/^\./, '');
  if (!full.startsWith(`${PACKAGE}.`)) return `\`${full}\``;
  const name = full.slice(PACKAGE.length + 1);
  return `[${name}](#${name.toLowerCase().replaceAll('.', '')})`;
}

/** What Markdown would take for its own, outside of code. */
function escaped(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part, i) => (i % 2 === 1 ? part : part.replaceAll(/[<>*_[\]]/g, String.raw`\$&`)))
    .join('');
}
