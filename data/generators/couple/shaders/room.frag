#version 330
in vec3 world;
out vec4 pixel;
#include light.glsl
uniform int is_floor;
uniform vec4 contacts[6]; // contact shadows: x, z of heel and toes (twice the same point for the body)
uniform vec2 dark[6];     // radius, depth
uniform vec3 wall;

vec3 parquet(vec2 q) {
    float row = floor(q.y / .14), shift = hash(vec2(row, 3.)) * 2., plank = floor((q.x + shift) / 1.15);
    float own = hash(vec2(row, plank));
    vec2 edge = vec2(abs(fract((q.x + shift) / 1.15) - .5), abs(fract(q.y / .14) - .5));
    float gap = max(smoothstep(.494, .5, edge.x), smoothstep(.455, .5, edge.y));
    float grain = noise(vec2(q.x * 3. + own * 20., q.y * 60.)) * .6 + noise(vec2(q.x * 9., q.y * 160. + own * 9.)) * .4;
    return mix(vec3(.40, .215, .105), vec3(.56, .33, .17), own * .55 + grain * .45) * (1. - .45 * gap);
}

vec3 ground() {
    vec2 q = world.xz;
    float open = 1.;
    for (int i = 0; i < 6; i++) {
        vec2 foot = contacts[i].zw - contacts[i].xy, from = q - contacts[i].xy;
        float d = length(from - foot * clamp(dot(from, foot) / max(dot(foot, foot), 1e-6), 0., 1.));
        open *= 1. - dark[i].y * exp(-d * d / (dark[i].x * dark[i].x));
    }
    float s = soft(world), pool = exp(-dot(q - vec2(0, .1), q - vec2(0, .1)) / 9.);
    vec3 sunlight = vec3(1., .93, .82) * 1.35 * mix(.42, 1., s) * (.35 + .75 * pool) * mix(.55, 1., open);
    return parquet(q) * (sunlight + vec3(.30, .27, .28) * open) * mix(.7, 1., open);
}

vec3 panelling(vec3 c) {
    float y = world.y, x = fract(world.x / .9 + .5);
    float upright = max(smoothstep(.02, .012, abs(abs(x - .5) - .40) * .9), 0.) * step(y, .78) * step(.16, y);
    float level = smoothstep(.012, .006, abs(y - .74)) + smoothstep(.012, .006, abs(y - .18));
    float groove = max(upright, level * step(abs(x - .5), .40));
    c = mix(c, wall * vec3(.62, .60, .62) * (1. - .28 * groove), smoothstep(.86, .855, y));
    c = mix(c, wall * 1.15, smoothstep(.025, .015, abs(y - .875)));
    return mix(c, wall * .45, smoothstep(.11, .105, y));
}

float pool(vec2 centre, vec2 size) {
    vec2 q = (world.xy - centre) / size;
    return exp(-dot(q, q));
}

vec3 string_lights(vec3 c) {
    float along = fract(world.x / 1.6), sag = 2.34 - .68 * along * (1. - along);
    c *= 1. - .6 * smoothstep(.008, .003, abs(world.y - sag));
    float bulb = floor(world.x / .2 + .5) * .2, position = fract(bulb / 1.6);
    float d = length(vec2(world.x - bulb, world.y - (2.34 - .68 * position * (1. - position) - .035)));
    return c + vec3(1., .72, .35) * (smoothstep(.026, .016, d) * 1.6 + .32 * exp(-d * d / .010));
}

vec3 backdrop() {
    float plaster = noise(world.xy * 7.) * .5 + noise(world.xy * 31.) * .5;
    vec3 c = panelling(wall * (.95 + .08 * plaster));
    float warm = pool(vec2(-1.5, 1.9), vec2(1.3, 1.2)) + pool(vec2(1.5, 1.9), vec2(1.3, 1.2)) + .6 * pool(vec2(0, 1.6), vec2(1.5, 1.4));
    return string_lights(c * (vec3(.30, .28, .32) + vec3(1., .84, .66) * warm * .95));
}

void main() { pixel = is_floor == 1 ? vec4(tone(ground()), .90) : vec4(tone(backdrop()), 1.); }
