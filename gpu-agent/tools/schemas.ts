// The tools as the gateway takes them: name, description, JSON Schema of the arguments.

import { type ToolDefinition, type ToolOffer, type ToolParameter, toolCatalogue } from '../core/tool-catalogue.ts';

export interface OfferedTool {
  readonly name: string;
  readonly description: string;
  readonly parametersJson: string;
}

/** The tools on offer, in order; the same bytes every time, so that providers can cache the front of a prompt. */
export function offeredTools(offer: ToolOffer): readonly OfferedTool[] {
  return toolCatalogue(offer).map((tool) => ({
    name: tool.name,
    description: tool.description,
    parametersJson: JSON.stringify(schemaOf(tool)),
  }));
}

function schemaOf(tool: ToolDefinition): object {
  return {
    type: 'object',
    properties: Object.fromEntries(tool.parameters.map((parameter) => [parameter.name, propertyOf(parameter)])),
    required: tool.parameters.filter((parameter) => parameter.required).map((parameter) => parameter.name),
    additionalProperties: false,
  };
}

function propertyOf(parameter: ToolParameter): object {
  return {
    type: parameter.type,
    description: parameter.description,
    ...(parameter.values === undefined ? {} : { enum: parameter.values }),
    ...(parameter.minimum === undefined ? {} : { minimum: parameter.minimum }),
  };
}
